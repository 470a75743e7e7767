/* GSL's nmsimplex2, run to a budget without Python in the loop. */

#include <stdint.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_version.h>

typedef double (*objective)(int64_t n, const double *x, void *data);

typedef struct {
    objective fun;
    void *data;
    int64_t nfev, maxfev;
    const int *stop; /* set by an objective that wants no more calls; may be NULL */
} search;

static int over(const search *s) { return s->nfev >= s->maxfev || (s->stop && *s->stop); }

/* GSL asks between iterations only whether to go on; what it asks for beyond the budget is not
   evaluated, and ranks worst. */
static double counted(const gsl_vector *x, void *params)
{
    search *s = params;
    if (over(s))
        return GSL_POSINF;
    s->nfev++;
    return s->fun((int64_t)x->size, x->data, s->data); /* GSL passes contiguous vectors here */
}

/* Minimise from x, where the best vertex is left. Ends when the simplex is smaller than `size` by
   GSL's measure (0: never). Returns the number of evaluations. */
int64_t gsl_solve(objective fun, void *data, int64_t n, double *x, const double *step,
                  int64_t maxfev, double size, const int *stop)
{
    search s = {fun, data, 0, maxfev, stop};
    gsl_multimin_function f = {counted, (size_t)n, &s};
    gsl_vector_view start = gsl_vector_view_array(x, (size_t)n);
    gsl_vector_const_view steps = gsl_vector_const_view_array(step, (size_t)n);
    gsl_multimin_fminimizer *m;

    gsl_set_error_handler_off();
    m = gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, (size_t)n);
    if (gsl_multimin_fminimizer_set(m, &f, &start.vector, &steps.vector) == GSL_SUCCESS) {
        while (!over(&s) && gsl_multimin_fminimizer_iterate(m) == GSL_SUCCESS)
            if (gsl_multimin_fminimizer_size(m) < size)
                break;
        gsl_vector_memcpy(&start.vector, gsl_multimin_fminimizer_x(m));
    }
    gsl_multimin_fminimizer_free(m);
    return s.nfev;
}

const char *version(void) { return gsl_version; }
