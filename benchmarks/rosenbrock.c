/* The extended Rosenbrock function about its minimum, x = 1 + y:

       f(y) = sum 100 (y[i+1] - 2 y[i] - y[i]^2)^2 + y[i]^2

   The minimum lies at zero, where floating-point numbers are dense, so that a search goes on for
   thousands of evaluations before rounding stops it. */

#include <stdint.h>

typedef double (*objective)(int64_t n, const double *x, void *data);

double rosenbrock(int64_t n, const double *y, void *data)
{
    double total = 0.0;
    (void)data;
    for (int64_t i = 0; i + 1 < n; i++) {
        double valley = y[i + 1] - 2.0 * y[i] - y[i] * y[i];
        total += 100.0 * valley * valley + y[i] * y[i];
    }
    return total;
}

/* The same function of x = 1 + y, as it is usually written. */
double rosenbrock_usual(int64_t n, const double *x, void *data)
{
    double total = 0.0;
    (void)data;
    for (int64_t i = 0; i + 1 < n; i++) {
        double valley = x[i + 1] - x[i] * x[i], along = 1.0 - x[i];
        total += 100.0 * valley * valley + along * along;
    }
    return total;
}

/* The first with the arguments of nlopt_func. */
double rosenbrock_nlopt(unsigned n, const double *y, double *gradient, void *data)
{
    (void)gradient;
    return rosenbrock((int64_t)n, y, data);
}

/* Call `fun` so many times; the cost of the objective alone. */
double repeat(objective fun, int64_t n, const double *x, int64_t times)
{
    volatile double last = 0.0;
    while (times-- > 0)
        last = fun(n, x, 0);
    return last;
}
